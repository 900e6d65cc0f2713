"""The local stack: the whole product on one machine, with nothing but Python. Never deployed.

* `__main__`: `make run`; reads PORT and DATA_DIR, and hands over to the supervisor
* `supervisor`: starts, watches, reloads and stops the two child processes
* `stack`: the same children as a context manager, for tests and benchmarks
* `resources`: the port and the data directory, which only one stack can have
* `process`: a child process that can't outlive its parent
* `engine`: the DynamoDB-compatible engine; `engine_launcher` and `engine_data` run inside its own virtual environment
* `journal`: the writes since the engine's data was saved
* `tables`: creates what infra/tables.yaml declares, on any DynamoDB endpoint
* `environment`: what the functions find in their environment
* `gateway`: does to the app what API Gateway does; put together from `server`, `rest`, `sockets`, `connections`,
  `schedule`, `functions`, `events`, `signature`, `identity`, `pages`, `access` and `faults`
* `hosts`: names of this machine, and the check of `Host`
* `options`: what the gateway can be told
"""
