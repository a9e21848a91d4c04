#!/bin/sh
# Makes with gcloud what `terraform apply` makes in this folder: the same accounts, role, bucket, secrets, job, schedule
# and alerts; only the four metrics that are for charts are left out. Run it again to change something; it changes what
# is there, but for alerts. Needs gcloud with its alpha and beta commands, signed in as somebody who may.
set -eu

usage() {
    cat <<'END'
Usage: deploy/gcloud.sh --project ID --scope PLACE [--scope PLACE]... --image IMAGE [option]...

  --project ID           where the job, its bucket and its accounts are made
  --scope PLACE          what is audited: organizations/NUMBER, folders/NUMBER or projects/ID
  --image IMAGE          what scripts/build-image made, with its registry and its tag or digest

  --region REGION        default europe-west1
  --name NAME            of the job and all that belongs to it; default gke-auditor
  --schedule CRON        default "0 6 * * 1"
  --time-zone ZONE       default Etc/UTC
  --set NAME=VALUE       a setting by its name, like mail_to=ops@example.com; repeat it for more
  --smtp-password        mount the secret NAME-smtp-password; put its value there before
  --chat                 mount the secret NAME-chat-webhook; put its value there before
  --alert-to ADDRESS     mail alerts there
  --alert-saving AMOUNT  alert where so many US$ a month or more could be saved
  --rbac                 clusters are opened by deploy/kubernetes/auditor.yaml, not by roles/container.viewer
  --connect-gateway      also reach clusters through Connect Gateway
  --network NETWORK --subnet SUBNET   reach private clusters from there
  --dry-run              print the commands that would change something, and run none of them
  -h, --help
END
}

say() { printf '%s\n' "$*" >&2; }
wrong() {
    say "gcloud.sh: $*"
    say "Try deploy/gcloud.sh --help"
    exit 2
}

here=$(cd "$(dirname "$0")" && pwd -P)
project='' scopes='' image='' region=europe-west1 name=gke-auditor schedule='0 6 * * 1' zone=Etc/UTC
settings='' password='' chat='' alert_to='' alert_saving='' rbac='' gateway='' network='' subnet='' dry=''

while [ $# -gt 0 ]; do
    case $1 in
    --smtp-password) password=yes ;;
    --chat) chat=yes ;;
    --rbac) rbac=yes ;;
    --connect-gateway) gateway=yes ;;
    --dry-run) dry=yes ;;
    -h | --help) usage && exit 0 ;;
    --project | --scope | --image | --region | --name | --schedule | --time-zone | --set | --alert-to | \
        --alert-saving | --network | --subnet)
        [ $# -gt 1 ] || wrong "$1 needs a value"
        case $1 in
        --project) project=$2 ;;
        --scope) scopes="$scopes $2" ;;
        --image) image=$2 ;;
        --region) region=$2 ;;
        --name) name=$2 ;;
        --schedule) schedule=$2 ;;
        --time-zone) zone=$2 ;;
        --set)
            case $2 in
            [a-z]*=*) settings="$settings|GKE_AUDITOR_$(printf '%s' "${2%%=*}" | tr '[:lower:]' '[:upper:]')=${2#*=}" ;;
            *) wrong "--set takes NAME=VALUE: $2" ;;
            esac
            case $2 in *'|'*) wrong "--set: a value cannot hold |" ;; esac
            ;;
        --alert-to) alert_to=$2 ;;
        --alert-saving) alert_saving=$2 ;;
        --network) network=$2 ;;
        --subnet) subnet=$2 ;;
        esac
        shift
        ;;
    *) wrong "unknown option $1" ;;
    esac
    shift
done
[ -n "$project" ] || wrong "--project is missing"
[ -n "$scopes" ] || wrong "--scope is missing"
[ -n "$image" ] || wrong "--image is missing"
case $alert_saving in *[!0-9.]*) wrong "--alert-saving is a number: $alert_saving" ;; esac
for scope in $scopes; do
    case $scope in
    organizations/*[!0-9]* | folders/*[!0-9]* | */*/* | organizations/ | folders/ | projects/) wrong "no scope: $scope" ;;
    organizations/* | folders/* | projects/*) ;;
    *) wrong "--scope is organizations/NUMBER, folders/NUMBER or projects/ID: $scope" ;;
    esac
done

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

# Whether something is there: asks, and says nothing.
there() { gcloud "$@" >/dev/null 2>&1; }
# Everything that changes something goes through here.
change() {
    if [ -n "$dry" ]; then
        printf 'gcloud'
        printf " '%s'" "$@"
        printf '\n'
    else
        gcloud "$@" --quiet >/dev/null
    fi
}

# A binding for an account that may have been made just now: IAM does not know it everywhere for a minute or so.
bind() {
    [ -z "$dry" ] || { change "$@" && return; }
    tries=1
    until change "$@" 2>"$files/refused"; do
        if [ "$tries" -ge 9 ] || ! grep -q 'does not exist' "$files/refused"; then
            cat "$files/refused" >&2
            return 1
        fi
        tries=$((tries + 1))
        sleep 10
    done
}

auditor=$name@$project.iam.gserviceaccount.com
scheduler=$name-cron@$project.iam.gserviceaccount.com
bucket=$project-$name
role=$(printf '%s' "$name" | awk -F- '{ for (i = 1; i <= NF; i++) printf "%s%s", toupper(substr($i, 1, 1)), substr($i, 2) }')
project_permissions=$(paste -s -d , "$here/role/project.txt")
case "$settings|" in
*'|GKE_AUDITOR_INVENTORY=asset|'*) project_permissions=$project_permissions,$(paste -s -d , "$here/role/inventory.txt") ;;
esac
all_permissions=$project_permissions,$(paste -s -d , "$here/role/parent.txt")

say "APIs of $project"
change services enable cloudasset.googleapis.com cloudresourcemanager.googleapis.com cloudscheduler.googleapis.com \
    compute.googleapis.com connectgateway.googleapis.com container.googleapis.com iam.googleapis.com \
    logging.googleapis.com monitoring.googleapis.com run.googleapis.com secretmanager.googleapis.com \
    storage.googleapis.com --project "$project"

say "Accounts"
there iam service-accounts describe "$auditor" --project "$project" ||
    change iam service-accounts create "$name" --project "$project" \
        --display-name "GKE auditor: reads load balancers, addresses and clusters"
there iam service-accounts describe "$scheduler" --project "$project" ||
    change iam service-accounts create "$name-cron" --project "$project" --display-name "GKE auditor: starts the job"

custom_role() { # --organization N | --project P, permissions
    if there iam roles describe "$role" "$1" "$2"; then verb=update; else verb=create; fi
    change iam roles "$verb" "$role" "$1" "$2" --title "GKE auditor" --permissions "$3" --stage GA
}

organization_of() { # folders/NUMBER
    place=$1
    while [ "${place#folders/}" != "$place" ]; do
        place=$(gcloud resource-manager folders describe "${place#folders/}" --format 'value(parent)')
    done
    case $place in
    organizations/?*) printf '%s' "${place#organizations/}" ;;
    *) say "gcloud.sh: $1 is in no organization that you may see" && return 1 ;;
    esac
}

grant() { # scope, role
    case $1 in
    organizations/*) set -- organizations "${1#organizations/}" "$2" ;;
    folders/*) set -- 'resource-manager folders' "${1#folders/}" "$2" ;;
    projects/*) set -- projects "${1#projects/}" "$2" ;;
    esac
    # shellcheck disable=SC2086 # two words for folders
    bind $1 add-iam-policy-binding "$2" --member "serviceAccount:$auditor" --role "$3" --condition None
}

for scope in $scopes; do
    say "Role for $scope"
    case $scope in
    projects/*)
        custom_role --project "${scope#projects/}" "$project_permissions"
        grant "$scope" "$scope/roles/$role"
        ;;
    *)
        organization=${scope#organizations/}
        if [ "$organization" = "$scope" ]; then organization=$(organization_of "$scope"); fi
        custom_role --organization "$organization" "$all_permissions"
        grant "$scope" "organizations/$organization/roles/$role"
        ;;
    esac
    [ -n "$rbac" ] || grant "$scope" roles/container.viewer
    [ -z "$gateway" ] || grant "$scope" roles/gkehub.gatewayReader
done

# Retention for the reports only: deploy/bucket.tf says why.
say "Buckets gs://$bucket and gs://$bucket-reports"
cat >"$files/lifecycle.json" <<'END'
{"rule": [
  {"action": {"type": "Delete"}, "condition": {"age": 1100, "isLive": true}},
  {"action": {"type": "Delete"}, "condition": {"age": 60, "isLive": true, "matchesPrefix": ["parts/", "sent/"]}},
  {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 30, "isLive": false}}
]}
END
cat >"$files/reports.json" <<'END'
{"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1100, "isLive": true}}]}
END
for made in "$bucket" "$bucket-reports"; do
    there storage buckets describe "gs://$made" ||
        change storage buckets create "gs://$made" --project "$project" --location "$region" \
            --uniform-bucket-level-access --public-access-prevention --soft-delete-duration 7d
done
change storage buckets update "gs://$bucket" --versioning --lifecycle-file "$files/lifecycle.json"
bind storage buckets add-iam-policy-binding "gs://$bucket" --member "serviceAccount:$auditor" \
    --role roles/storage.objectUser
change storage buckets update "gs://$bucket-reports" --retention-period 30d --lifecycle-file "$files/reports.json"
for kind in objectCreator objectViewer; do
    change storage buckets add-iam-policy-binding "gs://$bucket-reports" --member "serviceAccount:$auditor" \
        --role "roles/storage.$kind"
done

for secret in "$name-smtp-password" "$name-chat-webhook"; do
    say "Secret $secret"
    there secrets describe "$secret" --project "$project" ||
        change secrets create "$secret" --project "$project" --replication-policy user-managed --locations "$region"
    bind secrets add-iam-policy-binding "$secret" --project "$project" --member "serviceAccount:$auditor" \
        --role roles/secretmanager.secretAccessor
done

say "Job $name"
join() { # kind: the scopes of this kind, separated by spaces
    joined=''
    for scope in $scopes; do
        if [ "${scope#"$1"/}" != "$scope" ]; then joined="$joined ${scope#"$1"/}"; fi
    done
    printf '%s' "${joined# }"
}
variables="GKE_AUDITOR_HISTORY=gs://$bucket|GKE_AUDITOR_REPORTS=gs://$bucket-reports$settings"
for pair in ORGANIZATION:organizations FOLDER:folders PROJECT:projects; do
    places=$(join "${pair#*:}")
    [ -z "$places" ] || variables="$variables|GKE_AUDITOR_${pair%:*}=$places"
done
secrets=''
if [ -n "$password" ]; then
    variables="$variables|GKE_AUDITOR_SMTP_PASSWORD_FILE=/secrets/smtp_password/value"
    secrets="/secrets/smtp_password/value=$name-smtp-password:latest"
fi
if [ -n "$chat" ]; then
    variables="$variables|GKE_AUDITOR_CHAT_WEBHOOK_FILE=/secrets/chat_webhook/value"
    secrets="${secrets:+$secrets,}/secrets/chat_webhook/value=$name-chat-webhook:latest"
fi
set -- run jobs deploy "$name" --project "$project" --region "$region" --image "$image" --args job \
    --service-account "$auditor" --tasks 1 --parallelism 1 --max-retries 1 --task-timeout 1800s \
    --cpu 1 --memory 2Gi --set-env-vars "^|^$variables"
if [ -n "$secrets" ]; then set -- "$@" --set-secrets "$secrets"; else set -- "$@" --clear-secrets; fi
[ -z "$network" ] || set -- "$@" --network "$network"
[ -z "$subnet" ] || set -- "$@" --subnet "$subnet"
[ -z "$network$subnet" ] || set -- "$@" --vpc-egress private-ranges-only
change "$@"
bind run jobs add-iam-policy-binding "$name" --project "$project" --region "$region" \
    --member "serviceAccount:$scheduler" --role roles/run.invoker

say "Schedule $schedule ($zone)"
if there scheduler jobs describe "$name" --project "$project" --location "$region"; then verb=update; else verb=create; fi
change scheduler jobs "$verb" http "$name" --project "$project" --location "$region" --schedule "$schedule" \
    --time-zone "$zone" --http-method POST --max-retry-attempts 0 --attempt-deadline 60s \
    --uri "https://run.googleapis.com/v2/projects/$project/locations/$region/jobs/$name:run" \
    --oauth-service-account-email "$scheduler" \
    --oauth-token-scope https://www.googleapis.com/auth/cloud-platform

say "Alerts"
finished="resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"$name\" AND jsonPayload.message=\"audit finished\""
metric=$(printf '%s' "$name" | tr - _)
if there logging metrics describe "${metric}_finished" --project "$project"; then verb=update; else verb=create; fi
change logging metrics "$verb" "${metric}_finished" --project "$project" --description "Runs that came to their end." \
    --log-filter "$finished"

channels=''
if [ -n "$alert_to" ]; then
    of_address="type=\"email\" AND labels.email_address=\"$alert_to\""
    find_channel() {
        gcloud beta monitoring channels list --project "$project" --filter "$of_address" --format 'value(name)' --limit 1
    }
    channel=$(find_channel)
    if [ -z "$channel" ]; then
        change beta monitoring channels create --project "$project" --type email \
            --display-name "GKE auditor: $alert_to" --channel-labels "email_address=$alert_to"
        channel=$(find_channel)
    fi
    [ -z "$channel" ] || channels="\"$channel\""
fi
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }

# `gcloud monitoring policies` is not in every release: gcloud 528 has it among the alpha commands only.
policy() { # display name, file: made anew only where there is none, so that changes by hand stay
    found=$(gcloud alpha monitoring policies list --project "$project" --filter "display_name=\"$1\"" --format 'value(name)')
    [ -n "$found" ] || change alpha monitoring policies create --project "$project" --policy-from-file "$2"
}

silent="GKE auditor: no successful run in 8 days"
succeeded="monitored_resource=\"cloud_run_job\",project_id=\"$project\",location=\"$region\",job_name=\"$name\",result=\"succeeded\""
query="absent_over_time(run_googleapis_com:job_completed_execution_count{$succeeded}[8d])"
cat >"$files/silent.json" <<END
{"displayName": "$silent", "combiner": "OR", "notificationChannels": [$channels],
 "conditions": [{"displayName": "No run has succeeded", "conditionPrometheusQueryLanguage": {
   "query": "$(quoted "$query")", "duration": "3600s", "evaluationInterval": "900s",
   "disableMetricValidation": true}}],
 "alertStrategy": {"autoClose": "604800s"}}
END
policy "$silent" "$files/silent.json"

if [ -n "$alert_saving" ]; then
    saving="GKE auditor: US\$$alert_saving a month or more could be saved"
    cat >"$files/saving.json" <<END
{"displayName": "$saving", "combiner": "OR", "notificationChannels": [$channels],
 "conditions": [{"displayName": "A run found that so much could be saved", "conditionMatchedLog": {
   "filter": "$(quoted "$finished AND jsonPayload.summary.monthly>=$alert_saving")"}}],
 "alertStrategy": {"autoClose": "604800s", "notificationRateLimit": {"period": "86400s"}}}
END
    policy "$saving" "$files/saving.json"
fi

say "Done. Start a first run: gcloud run jobs execute $name --region $region --project $project --wait"
