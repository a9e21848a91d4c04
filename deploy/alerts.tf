# The job's last log line says what it found: jsonPayload.message is "audit finished", jsonPayload.summary the numbers.

locals {
  finished    = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"${var.name}\" AND jsonPayload.message=\"audit finished\""
  metric_name = replace(var.name, "-", "_")
  # The job's executions, in a metric of Cloud Run's own. The scope of a project may hold metrics of others.
  succeeded = "monitored_resource=\"cloud_run_job\",project_id=\"${var.project}\",location=\"${var.region}\",job_name=\"${var.name}\",result=\"succeeded\""
}

resource "google_logging_metric" "finished" {
  project     = var.project
  name        = "${local.metric_name}_finished"
  description = "Runs that came to their end."
  filter      = local.finished

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = "GKE auditor: finished runs"
  }

  depends_on = [google_project_service.needed]
}

resource "google_logging_metric" "number" {
  for_each = {
    monthly    = "US$ a month that could be saved"
    orphans    = "orphaned load balancers and addresses"
    gaps       = "what could not be read"
    duration_s = "seconds that the run took"
  }

  project         = var.project
  name            = "${local.metric_name}_${each.key}"
  description     = "Of each run: ${each.value}."
  filter          = local.finished
  value_extractor = "EXTRACT(jsonPayload.summary.${each.key})"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "1"
    display_name = "GKE auditor: ${each.value}"
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 64
      growth_factor      = 1.5
      scale              = 1
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_notification_channel" "mail" {
  for_each = toset(var.alert_to)

  project      = var.project
  display_name = "GKE auditor: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  user_labels  = var.labels

  depends_on = [google_project_service.needed]
}

locals {
  channels = [for channel in google_monitoring_notification_channel.mail : channel.name]
}

# In PromQL, since a metric-absence condition looks back 23.5 hours at most; and by Cloud Run's own metric, since alerts
# on log-based ones look back 25 hours at most (INVALID_ARGUMENT: "Log-based metrics are not supported in PromQL alerts
# with lookback windows longer than 1d1h"). An execution succeeds if the job exits with 0, which is when it logs
# "audit finished"; docs/job.md, Exit codes.
resource "google_monitoring_alert_policy" "silent" {
  project               = var.project
  display_name          = "GKE auditor: no successful run in ${var.alert_after_days} days"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "No run has succeeded"
    condition_prometheus_query_language {
      query               = "absent_over_time(run_googleapis_com:job_completed_execution_count{${local.succeeded}}[${var.alert_after_days}d])"
      duration            = "3600s" # after the first apply, time for a first run
      evaluation_interval = "900s"
      # The metric has no data before the first run.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "604800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "No run of the Cloud Run job `${var.name}` in ${var.region} has succeeded for ${var.alert_after_days} days. Look at its last executions and their logs: `gcloud run jobs executions list --job ${var.name} --region ${var.region} --project ${var.project}`. Did the schedule start it? `gcloud scheduler jobs describe ${var.name} --location ${var.region} --project ${var.project}`"
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "saving" {
  count = var.alert_saving == null ? 0 : 1

  project               = var.project
  display_name          = "GKE auditor: US$${var.alert_saving} a month or more could be saved"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "A run found that so much could be saved"
    condition_matched_log {
      filter = "${local.finished} AND jsonPayload.summary.monthly>=${var.alert_saving}"
      label_extractors = {
        monthly  = "EXTRACT(jsonPayload.summary.monthly)"
        currency = "EXTRACT(jsonPayload.summary.currency)"
      }
    }
  }

  alert_strategy {
    auto_close = "604800s"
    notification_rate_limit {
      period = "86400s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The last run of gke-auditor found load balancers or addresses that nobody uses, for US$${var.alert_saving} a month or more. The weekly mail and the reports in ${google_storage_bucket.reports.url} say which."
  }

  depends_on = [google_project_service.needed]
}
