"""What `Benchmarks/compare` is made of.

| module | what it does |
| --- | --- |
| `machine` | what this machine is, and what runs on it |
| `peers` | finds, builds and installs the programs |
| `servers` | starts and stops servers, and looks at their processes |
| `clients` | fills servers, and asks them single questions |
| `load` | runs `martlet bench` |
| `experiments` | how each thing is measured |
| `targets` | the list of experiments, and the targets with their limits |
| `runner` | goes through the experiments in alternating rounds, and keeps the results |
| `report` | tables from results |
"""
