# Two buckets. What one run tells the next: the kept runs, and the markers that keep a mail from going out twice. And the
# reports, which nobody can replace or delete for a while.
#
# The first has no retention policy: under one, no object could be replaced or deleted, and a run that is started again
# has to replace what it kept and to take back the marker of a mail that did not go out. What was written over or deleted
# there by mistake comes back in two other ways: old versions are kept for 30 days, deleted ones for another 7.

resource "google_storage_bucket" "history" {
  #checkov:skip=CKV_GCP_62:Access logs would need a second bucket; Cloud Audit Logs can record access to this one.

  project                     = var.project
  name                        = "${var.project}-${var.name}"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = var.labels

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age        = var.keep_days
      with_state = "LIVE"
    }
  }

  # What the tasks of one run handed over to each other, and markers of mails: of no use once the run is over.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 60
      with_state     = "LIVE"
      matches_prefix = ["parts/", "sent/"]
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket_iam_member" "auditor" {
  bucket = google_storage_bucket.history.name
  role   = "roles/storage.objectUser"
  member = google_service_account.auditor.member
}

# Every file of a report is written once: a further attempt of a run writes beside the first one.
resource "google_storage_bucket" "reports" {
  #checkov:skip=CKV_GCP_62:Access logs would need a further bucket; Cloud Audit Logs can record access to this one.
  #checkov:skip=CKV_GCP_78:Nothing is ever replaced here, so that there are no versions to keep.

  project                     = var.project
  name                        = "${var.project}-${var.name}-reports"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = var.labels

  # Not locked: who may change the bucket can shorten it or take it away.
  retention_policy {
    retention_period = var.retention_days * 86400
    is_locked        = false
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age        = var.keep_days
      with_state = "LIVE"
    }
  }

  depends_on = [google_project_service.needed]
}

# Creating and reading, and no right to delete.
resource "google_storage_bucket_iam_member" "reports" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])

  bucket = google_storage_bucket.reports.name
  role   = each.value
  member = google_service_account.auditor.member
}
