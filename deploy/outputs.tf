output "auditor" {
  description = "The account that reads. Clusters that IAM does not open know it by this name."
  value       = google_service_account.auditor.email
}

output "bucket" {
  description = "Where runs are kept, to compare the next one with."
  value       = google_storage_bucket.history.url
}

output "reports" {
  description = "Where the reports are."
  value       = google_storage_bucket.reports.url
}

output "secrets" {
  description = "Where the secrets go: gcloud secrets versions add NAME --data-file=-"
  value       = local.secrets
}

output "run_now" {
  description = "Starts a run, beside the schedule."
  value       = "gcloud run jobs execute ${var.name} --region ${var.region} --project ${var.project} --wait"
}
