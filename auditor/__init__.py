"""Find, prove and price the load balancers and addresses that GKE left behind."""

__version__ = "0.1.0"
