{{/* What one value alone cannot show to be wrong. Renders nothing, or fails with one sentence. */}}
{{- define "modelrollout.check" -}}
{{- if and .Values.clusterWide .Values.watchNamespaces -}}
{{- fail "clusterWide already covers watchNamespaces: set one of the two" -}}
{{- end -}}
{{- if and (not (include "modelrollout.hasElection" .)) (gt (include "modelrollout.replicas" . | int) 1) -}}
{{- fail (printf "replicas is %v and leaderElection.enabled is false: all of them would write weights; set replicas to 1, or leaderElection.enabled to true" .Values.replicas) -}}
{{- end -}}
{{- if and (.Values.serviceMonitor).enabled (.Values.podMonitor).enabled -}}
{{- fail "serviceMonitor and podMonitor are both enabled, and Prometheus would count everything twice: enable one of the two" -}}
{{- end -}}
{{- if and (.Values.serviceMonitor).enabled (not .Values.service.create) -}}
{{- fail "serviceMonitor.enabled needs the Service: set service.create to true, or enable podMonitor instead" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if or (hasPrefix "MODELROLLOUT_" .name) (has .name (list "POD_ID" "POD_NAMESPACE" "MALLOC_ARENA_MAX")) -}}
{{- fail (printf "extraEnv names %s, which the chart sets itself: use the chart's values for it" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
