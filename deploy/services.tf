# The APIs that are called in the name of this project. Those of the audited projects are theirs.

locals {
  services = toset([
    "cloudasset.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "connectgateway.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])
}

resource "google_project_service" "needed" {
  for_each = local.services

  project            = var.project
  service            = each.value
  disable_on_destroy = false # others may use it, too
}
