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

{{- /* Names of the station namespaces, with commas between. */ -}}
{{- define "trigpoint.stationNamespaces" -}}
{{- $names := list -}}
{{- range .Values.stationNamespaces }}{{ $names = append $names .name }}{{ end -}}
{{- $names | default (list .Release.Namespace) | join "," -}}
{{- end -}}

{{- define "trigpoint.serverSecret" -}}
{{- .Values.certificates.secretName | default (printf "%s-tls" (include "trigpoint.fullname" .)) -}}
{{- end -}}

{{- /* ConfigMap in each station namespace with the authorities by which stations know
the collector: the operator's own, or one that somebody else keeps there. */ -}}
{{- define "trigpoint.bundle" -}}
{{- if .Values.certificates.secretName -}}
{{- .Values.certificates.configMap -}}
{{- else -}}
{{- printf "%s-authority" (include "trigpoint.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- /* By which collector and query service are reached. */ -}}
{{- define "trigpoint.serverNames" -}}
{{- $names := list -}}
{{- range list (include "trigpoint.collectorHost" .) (include "trigpoint.queryHost" .) -}}
{{- $names = concat $names (list . (printf "%s.cluster.local" .)) -}}
{{- end -}}
{{- concat $names .Values.certificates.names | join "," -}}
{{- end -}}

{{- define "trigpoint.collectorHost" -}}
{{- printf "%s-collector.%s.svc" (include "trigpoint.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "trigpoint.queryHost" -}}
{{- printf "%s-query.%s.svc" (include "trigpoint.fullname" .) .Release.Namespace -}}
{{- end -}}
