{{/* Name of all objects: the release's when it says "modelrollout" already. */}}
{{- define "modelrollout.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "modelrollout.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelrollout.labels" -}}
{{ include "modelrollout.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "modelrollout.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "modelrollout.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "modelrollout.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The namespaces whose rollouts are run, as JSON; meaningless with clusterWide. */}}
{{- define "modelrollout.namespaces" -}}
{{- if and .Values.clusterWide .Values.watchNamespaces -}}
{{- fail "clusterWide already covers watchNamespaces: set one of the two" -}}
{{- end -}}
{{- default (list .Release.Namespace) .Values.watchNamespaces | toJson -}}
{{- end -}}

{{/* The rights, one verb too few for nothing and one too many for nothing. */}}
{{- define "modelrollout.rules" -}}
# Its own objects. kopf keeps its finalizer in metadata, so the object itself is patched; the spec is never written.
- apiGroups: [modelrollout.io]
  resources: [modelrollouts]
  verbs: [get, list, watch, patch, update]
- apiGroups: [modelrollout.io]
  resources: [modelrollouts/status]
  verbs: [get, patch, update]
- apiGroups: [modelrollout.io]
  resources: [modelrollouts/finalizers]
  verbs: [update]
# Seldon's: it writes weights, and reads whether models are ready.
- apiGroups: [mlops.seldon.io]
  resources: [experiments]
  verbs: [get, list, watch, create, patch, update]
- apiGroups: [mlops.seldon.io]
  resources: [models]
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- with .Values.prometheus.secretNames }}
# Credentials for Prometheus: these Secrets by name, and no list.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
{{- end -}}
