/** What each customer had stored when the table for it came: a part of a step of both databases, and never changed again. */
export const COUNT_STORAGE = `insert into storage (customer, bytes)
    select c.customer,
      coalesce((select sum(octet_length(description)) from projects where projects.customer = c.customer), 0)
      + coalesce((select sum(octet_length(title) + octet_length(description) + octet_length(criteria) + 100) from tasks where tasks.customer = c.customer), 0)
      + coalesce((select sum(octet_length(label)) from task_labels join tasks on tasks.id = task_id where tasks.customer = c.customer), 0)
      + coalesce((select sum(octet_length(note)) from task_history join tasks on tasks.id = task_id where tasks.customer = c.customer), 0)
      + coalesce((select sum(octet_length(text)) from mentions join tasks on tasks.id = task_id where tasks.customer = c.customer), 0)
      + coalesce((select sum(octet_length(name) + octet_length(goal) + octet_length(options) + octet_length(metadata) + coalesce(octet_length(steps), 0) + 100)
          from runs where runs.customer = c.customer), 0)
      + coalesce((select sum(octet_length(text)) from run_wishes join runs on runs.seq = run where runs.customer = c.customer), 0)
      + coalesce((select sum(size) from run_artifacts join runs on runs.seq = run where runs.customer = c.customer), 0)
      + coalesce((select sum(octet_length(data) + 100) from run_events where run_events.customer = c.customer), 0)
    from (select distinct customer from projects) as c;`
