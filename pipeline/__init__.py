"""How it runs: config, graph, links, workers, supervision, ledger, command line."""
