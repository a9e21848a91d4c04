locals {
  # Empty values are not set.
  environment = { for name, value in merge(
    { for name, value in var.settings : "GKE_AUDITOR_${upper(name)}" => value },
    {
      GKE_AUDITOR_ORGANIZATION = join(" ", local.organizations)
      GKE_AUDITOR_FOLDER       = join(" ", local.folders)
      GKE_AUDITOR_PROJECT      = join(" ", local.projects)
      GKE_AUDITOR_HISTORY      = google_storage_bucket.history.url
      GKE_AUDITOR_REPORTS      = google_storage_bucket.reports.url
    },
    var.mail == null ? {} : {
      GKE_AUDITOR_MAIL_TO            = join(" ", var.mail.to)
      GKE_AUDITOR_MAIL_FROM          = var.mail.from
      GKE_AUDITOR_SMTP_HOST          = var.mail.smtp_host
      GKE_AUDITOR_SMTP_PORT          = var.mail.smtp_port == null ? "" : tostring(var.mail.smtp_port)
      GKE_AUDITOR_SMTP_SECURITY      = var.mail.smtp_security == null ? "" : var.mail.smtp_security
      GKE_AUDITOR_SMTP_USER          = var.mail.smtp_user == null ? "" : var.mail.smtp_user
      GKE_AUDITOR_SMTP_PASSWORD_FILE = contains(keys(local.mounted), "smtp_password") ? "/secrets/smtp_password/value" : ""
    },
    var.chat ? { GKE_AUDITOR_CHAT_WEBHOOK_FILE = "/secrets/chat_webhook/value" } : {},
  ) : name => value if value != "" }

  # The secrets that the job needs. A job that mounts a secret without a value cannot start.
  mounted = { for key, secret in local.secrets : key => secret if(
    key == "smtp_password" ? try(var.mail.smtp_user, null) != null : var.chat
  ) }
}

resource "google_cloud_run_v2_job" "auditor" {
  project             = var.project
  name                = var.name
  location            = var.region
  labels              = var.labels
  deletion_protection = false # it holds nothing: what it wrote is in the bucket

  template {
    task_count  = var.tasks
    parallelism = var.tasks
    labels      = var.labels

    template {
      service_account       = google_service_account.auditor.email
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
      max_retries           = 1
      timeout               = var.timeout

      containers {
        name  = "auditor"
        image = var.image
        args  = ["job"]

        resources {
          limits = {
            cpu    = var.cpu
            memory = var.memory
          }
        }

        dynamic "env" {
          for_each = local.environment
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "volume_mounts" {
          for_each = local.mounted
          content {
            name       = replace(volume_mounts.key, "_", "-")
            mount_path = "/secrets/${volume_mounts.key}"
          }
        }
      }

      dynamic "volumes" {
        for_each = local.mounted
        content {
          name = replace(volumes.key, "_", "-")
          secret {
            secret       = volumes.value
            default_mode = 292 # 0444: the image's user is no member of any group
            items {
              version = "latest"
              path    = "value"
            }
          }
        }
      }

      dynamic "vpc_access" {
        for_each = var.network == null ? [] : [var.network]
        content {
          egress = vpc_access.value.egress
          network_interfaces {
            network    = vpc_access.value.network
            subnetwork = vpc_access.value.subnetwork
            tags       = vpc_access.value.tags
          }
        }
      }
    }
  }

  depends_on = [
    google_secret_manager_secret_iam_member.auditor,
    google_storage_bucket_iam_member.auditor,
    google_storage_bucket_iam_member.reports,
  ]
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_job.auditor.name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}

resource "google_cloud_scheduler_job" "weekly" {
  project          = var.project
  region           = var.region
  name             = var.name
  description      = "Starts the Cloud Run job ${var.name}"
  schedule         = var.schedule
  time_zone        = var.time_zone
  attempt_deadline = "60s"

  # A second try would start a second run.
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.auditor.id}:run"

    # An access token, since the target is one of Google's own APIs.
    oauth_token {
      service_account_email = google_service_account.scheduler.email
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.scheduler]
}
