bats_require_minimum_version 1.5.0
load setup
load runner

# What a prompt holds chooses the turns, first key first: the check of mended work, the check of work, the mending, the work.
MODEL='{
  "/Mended the sum[^]*Give your verdict/": [
    { "text": "I run it again.", "bash": "cat sum.txt" },
    { "verdict": { "outcome": "pass", "summary": "The sum is right.", "findings": [] } }
  ],
  "/Give your verdict/": [
    { "text": "I look at it.", "bash": "cat sum.txt" },
    { "verdict": { "outcome": "send_back", "summary": "Not right yet.", "findings": ["two and two is four"] } }
  ],
  "/two and two is four/": [{ "bash": "echo 4 > sum.txt" }, "Mended the sum."],
  "*": [{ "bash": "echo 5 > sum.txt" }, "Wrote the sum."]
}'

qa() { "$AGENT_RUNNER" --role qa --agent-id qa_001 --single-task; }

@test "Headless PM: dev, QA sends it back with findings, dev mends it on the same branch, QA passes" {
  start_pm --poll-ms 50
  start_model "$MODEL"
  pm_task 'Write the sum' '{"branch":"feature/sum"}'

  run -0 single
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(git show feature/sum:sum.txt)" = 5 ]

  run -0 qa
  [ "$(pm_task_field "$TASK" status)" = created ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  says <(pm_task_field "$TASK" notes) 'qa_001: .*[Ss]ent back' 'finding: two and two is four' 'Wrote the sum'

  run -0 single
  [ "$(pm_task_field "$TASK" status)" = dev_done ]
  [ "$(git show feature/sum:sum.txt)" = 4 ]

  run -0 qa
  [ "$(pm_task_field "$TASK" status)" = qa_done ]
  [ "$(pm_task_field "$TASK" locked_by)" = null ]
  says <(pm_task_field "$TASK" notes) 'The sum is right'
  # QA checks and changes nothing; four runs leave four notes, one branch and no worktree.
  [ "$(git log --format=%s feature/sum)" = $'Write the sum\nWrite the sum\nstart' ]
  [ "$(git worktree list | wc -l)" = 1 ]
  [ "$(pm_task_field "$TASK" notes | grep -c 'agent-runner logs run_')" = 4 ]
  run -14 qa
  nothing_tagged
}
