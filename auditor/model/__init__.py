"""What flows through the auditor: names, snapshots, views of resources, findings, money. Standard library only."""
