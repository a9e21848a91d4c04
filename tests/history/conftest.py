from deliver.conftest import opened, storage_server

__all__ = ["opened", "storage_server"]
