-- the datasets that no run uses
select dataset_id from dataset where dataset_id not in (select dataset_id from dataset_input)
