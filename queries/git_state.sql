-- What is known of the repository as a whole.
select root, head, head_branch, main, main_commit, shallow, bare, changed_files, untracked_files, remote from git_state;
