"""`make deploy` and `make destroy`: create or update a stage in AWS, and delete it.

* `__main__`, `destroy`: the two commands
* `steps`: the steps of a deployment, in order; each can be repeated
* `progress`: runs the steps and shows their progress
* `target`: the stage, and its account and region
* `account`: who deploys, what the account may use, and how users sign in
* `stacks`: CloudFormation stacks, changed by change sets
* `chalice_command`, `functions`, `record`: Chalice, and its record of what it deployed
* `settings`, `apis`: what Chalice can't set: addresses, narrow permissions, throttles, CORS
* `page`: the web page in the CDN's bucket
* `smoke`: a test with two people in a room
"""
