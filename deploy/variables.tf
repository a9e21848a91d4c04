# The three without a default are all that a first `terraform apply` needs; docs/deploy.md.

variable "project" {
  description = "Id of the project in which the job, its buckets and its accounts are made."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a project, like platform-tools."
  }
}

variable "scope" {
  description = "What is audited: organizations/NUMBER, folders/NUMBER or projects/ID; one or several."
  type        = list(string)

  validation {
    condition = length(var.scope) > 0 && alltrue([
      for place in var.scope : can(regex("^((organizations|folders)/[0-9]+|projects/[a-z][a-z0-9-]{4,28}[a-z0-9])$", place))
    ])
    error_message = "Each scope must be organizations/NUMBER, folders/NUMBER or projects/ID."
  }
}

variable "image" {
  description = "The image that scripts/build-image made, as REGISTRY/NAME@sha256:DIGEST or with a tag."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?/[^ :@]+(:[^ :@]+)?(@sha256:[0-9a-f]{64})?$", var.image)) && can(regex("[:@][^/]+$", var.image))
    error_message = "image must name a registry, and a tag or (better) a digest."
  }
}

variable "region" {
  description = "Where the job runs and its buckets lie."
  type        = string
  default     = "europe-west1"
}

variable "name" {
  description = "Name of the job, and the first part of the names of all that belongs to it."
  type        = string
  default     = "gke-auditor"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{4,18}[a-z0-9])$", var.name))
    error_message = "name must have 6 to 20 small letters, digits and dashes."
  }
}

variable "labels" {
  description = "Labels for everything that can have labels."
  type        = map(string)
  default     = {}
}

# When

variable "schedule" {
  description = "When it runs, as cron writes it."
  type        = string
  default     = "0 6 * * 1"
}

variable "time_zone" {
  description = "The time zone of the schedule."
  type        = string
  default     = "Etc/UTC"
}

# What it tells, and whom

variable "mail" {
  description = "The weekly mail; null: none. Put the password into the secret before smtp_user is set."
  type = object({
    to            = list(string)
    from          = string
    smtp_host     = string
    smtp_port     = optional(number)
    smtp_security = optional(string)
    smtp_user     = optional(string)
  })
  default = null
}

variable "chat" {
  description = "Whether to write to the chat room whose webhook is in the secret. Put it there before."
  type        = bool
  default     = false
}

variable "settings" {
  description = "Further settings by name, like { min_age = \"2d\", send_when = \"new\" }; the README lists all."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[a-z][a-z_]*$", name))])
    error_message = "The names of settings are small letters and underscores, as in gke-auditor.toml."
  }
}

variable "alert_to" {
  description = "Mail addresses that alerts go to. Without any, incidents show in the console only."
  type        = list(string)
  default     = []
}

variable "alert_after_days" {
  description = "An alert where no run has succeeded for so many days; at least a day more than the schedule's pause."
  type        = number
  default     = 8

  validation {
    condition     = var.alert_after_days >= 1 && var.alert_after_days <= 366 && floor(var.alert_after_days) == var.alert_after_days
    error_message = "alert_after_days is a whole number from 1 to 366."
  }
}

variable "alert_saving" {
  description = "An alert where a run finds that so many US$ a month or more could be saved; null: none."
  type        = number
  default     = null
}

# What it reads

variable "kubernetes_access_by_iam" {
  description = "Let roles/container.viewer open every cluster of the scope. false: only what kubernetes/auditor.yaml grants, to be applied in each cluster."
  type        = bool
  default     = true
}

variable "connect_gateway" {
  description = "Also reach clusters through Connect Gateway, for fleets whose clusters have no endpoint that the job can reach."
  type        = bool
  default     = false
}

variable "network" {
  description = "The network and subnetwork from which private clusters are reached, as names or projects/HOST/…; null: none."
  type = object({
    network    = string
    subnetwork = string
    tags       = optional(list(string), [])
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null

  validation {
    condition     = var.network == null || contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], try(var.network.egress, ""))
    error_message = "egress is PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

# How much

variable "tasks" {
  description = "How many tasks share the projects of one run. One is enough below a few hundred projects."
  type        = number
  default     = 1

  validation {
    condition     = var.tasks >= 1 && var.tasks <= 100 && floor(var.tasks) == var.tasks
    error_message = "tasks is a whole number from 1 to 100."
  }
}

variable "memory" {
  description = "Memory of each task. Files in /tmp take of it."
  type        = string
  default     = "2Gi"
}

variable "cpu" {
  description = "Processors of each task: 1, 2, 4, 6 or 8."
  type        = string
  default     = "1"
}

variable "timeout" {
  description = "How long one attempt of a task may take."
  type        = string
  default     = "1800s"
}

variable "keep_days" {
  description = "How many days the runs and their reports are kept."
  type        = number
  default     = 1100
}

variable "retention_days" {
  description = "For how many days nobody can replace or delete a report."
  type        = number
  default     = 30

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days is a whole number of days, at least 1."
  }
}
