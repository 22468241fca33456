"""What proxies and Prometheus are told of the replicas that are ready, each in its own form. Pure."""
