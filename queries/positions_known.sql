-- Which of these commits have a known position?
select commit_hash as hash from commit_position where commit_hash in (select unnest($commits));
