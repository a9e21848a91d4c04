# Two accounts: one reads, one may start the job and nothing else. Neither has a key.

resource "google_service_account" "auditor" {
  project      = var.project
  account_id   = var.name
  display_name = "GKE auditor: reads load balancers, addresses and clusters"

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "${var.name}-cron"
  display_name = "GKE auditor: starts the job"

  depends_on = [google_project_service.needed]
}

locals {
  organizations = toset([for place in var.scope : trimprefix(place, "organizations/") if startswith(place, "organizations/")])
  folders       = toset([for place in var.scope : trimprefix(place, "folders/") if startswith(place, "folders/")])
  projects      = toset([for place in var.scope : trimprefix(place, "projects/") if startswith(place, "projects/")])

  # What the code calls, one permission to a line; tests/deploy compares them with the code.
  project_permissions = concat(compact(split("\n", file("${path.module}/role/project.txt"))), local.inventory_permissions)
  parent_permissions  = compact(split("\n", file("${path.module}/role/parent.txt")))

  # Only with settings = { inventory = "asset" }.
  asks_inventory        = lookup(var.settings, "inventory", "lists") == "asset"
  inventory_permissions = local.asks_inventory ? compact(split("\n", file("${path.module}/role/inventory.txt"))) : []

  # Roles beside the custom one, for each place of the scope.
  more_roles = toset(concat(
    var.kubernetes_access_by_iam ? ["roles/container.viewer"] : [],
    var.connect_gateway ? ["roles/gkehub.gatewayReader"] : [],
  ))
}

# A role can be made in an organization or a project, not in a folder: a folder's stands in its organization.

data "google_folder" "audited" {
  for_each = local.folders

  folder              = "folders/${each.value}"
  lookup_organization = true
}

locals {
  organization_of_folder = { for number, folder in data.google_folder.audited : number => trimprefix(folder.organization, "organizations/") }
}

resource "google_organization_iam_custom_role" "auditor" {
  for_each = setunion(local.organizations, toset(values(local.organization_of_folder)))

  org_id      = each.value
  role_id     = replace(title(replace(var.name, "-", " ")), " ", "")
  title       = "GKE auditor"
  description = "Reads what gke-auditor asks for: load balancers, addresses and clusters. No write permission."
  permissions = concat(local.project_permissions, local.parent_permissions)
}

resource "google_project_iam_custom_role" "auditor" {
  for_each = local.projects

  project     = each.value
  role_id     = replace(title(replace(var.name, "-", " ")), " ", "")
  title       = "GKE auditor"
  description = "Reads what gke-auditor asks for: load balancers, addresses and clusters. No write permission."
  permissions = local.project_permissions
}

resource "google_organization_iam_member" "auditor" {
  for_each = local.organizations

  org_id = each.value
  role   = google_organization_iam_custom_role.auditor[each.value].id
  member = google_service_account.auditor.member
}

resource "google_folder_iam_member" "auditor" {
  for_each = local.folders

  folder = "folders/${each.value}"
  role   = google_organization_iam_custom_role.auditor[local.organization_of_folder[each.value]].id
  member = google_service_account.auditor.member
}

resource "google_project_iam_member" "auditor" {
  for_each = local.projects

  project = each.value
  role    = google_project_iam_custom_role.auditor[each.value].id
  member  = google_service_account.auditor.member
}

resource "google_organization_iam_member" "more" {
  for_each = { for pair in setproduct(local.organizations, local.more_roles) : join(" ", pair) => pair }

  org_id = each.value[0]
  role   = each.value[1]
  member = google_service_account.auditor.member
}

resource "google_folder_iam_member" "more" {
  for_each = { for pair in setproduct(local.folders, local.more_roles) : join(" ", pair) => pair }

  folder = "folders/${each.value[0]}"
  role   = each.value[1]
  member = google_service_account.auditor.member
}

resource "google_project_iam_member" "more" {
  for_each = { for pair in setproduct(local.projects, local.more_roles) : join(" ", pair) => pair }

  project = each.value[0]
  role    = each.value[1]
  member  = google_service_account.auditor.member
}
