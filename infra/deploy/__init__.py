"""`make deploy` and `make destroy`: a stage brought up in AWS, step by step, and taken away again.

* `__main__`: what the user asked for
* `steps`: the steps of both, in order; each can be run again
* `progress`: runs the steps and shows how far they are
* `target`: the stage, and the account and region it goes to
* `stacks`: CloudFormation stacks by change sets
* `functions`: what Chalice deploys, and where it is then
* `smoke`: two people in a room, to see that it works
"""
