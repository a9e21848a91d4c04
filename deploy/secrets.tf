# Only the places for the secrets: their values are put in by hand and never pass through Terraform or its state.

locals {
  secrets = {
    smtp_password = "${var.name}-smtp-password"
    chat_webhook  = "${var.name}-chat-webhook"
  }
}

resource "google_secret_manager_secret" "auditor" {
  for_each = local.secrets

  project   = var.project
  secret_id = each.value
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "auditor" {
  for_each = local.secrets

  project   = var.project
  secret_id = google_secret_manager_secret.auditor[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.auditor.member
}
