{{- /* Whether a component's pod is shown tokens of pods. With a volume, the query
service is in the collector's pod. */ -}}
{{- define "trigpoint.reviewsTokens" -}}
{{- $isWithQueries := and (eq .root.Values.lake.mode "pvc") .root.Values.query.enabled -}}
{{- if or .root.Values.operator.enabled (eq .component "query") $isWithQueries }}true{{ end -}}
{{- end -}}

{{- /* An account that may at most ask the API server whose token it was shown. */ -}}
{{- define "trigpoint.account" -}}
{{- $fullname := include "trigpoint.fullname" .root }}
{{- $labels := include "trigpoint.labels" . }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $fullname }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  {{- if eq .root.Values.lake.mode "objectStore" }}
  {{- with .root.Values.lake.objectStore.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
automountServiceAccountToken: {{ eq (include "trigpoint.reviewsTokens" .) "true" }}
{{- if include "trigpoint.reviewsTokens" . }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "trigpoint.clusterName" .root }}-{{ .component }}
  labels:
    {{- $labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "trigpoint.clusterName" .root }}-token-review
subjects:
  - kind: ServiceAccount
    name: {{ $fullname }}-{{ .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end -}}
