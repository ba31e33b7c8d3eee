{{- define "trigpoint.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Of what is in no namespace: two releases must not share it. */ -}}
{{- define "trigpoint.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "trigpoint.fullname" .) -}}
{{- end -}}

{{- /* Component of the pods that a part is in: with a volume, one pod holds both. */ -}}
{{- define "trigpoint.podOf" -}}
{{- if eq .root.Values.lake.mode "pvc" -}}lake{{- else -}}{{ .component }}{{- end -}}
{{- end -}}

{{- define "trigpoint.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "trigpoint.labels" -}}
{{ include "trigpoint.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "trigpoint.collectorHost" -}}
{{- printf "%s-collector.%s.svc" (include "trigpoint.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "trigpoint.queryHost" -}}
{{- printf "%s-query.%s.svc" (include "trigpoint.fullname" .) .Release.Namespace -}}
{{- end -}}
