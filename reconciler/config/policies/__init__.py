"""Policies: rules in CEL that people write about their own resources and plans.

Nothing here evaluates an expression in this process: `worker` does, in a process of its own that has a limit on time
and memory, so that no pull request can stall or end the program. `worker` is also the only module that knows the CEL
library. May import the compiler's front end; raises nothing for what users write.
"""
