{{- define "trigpoint.query.container" -}}
- name: query
  {{- include "trigpoint.container" . | nindent 2 }}
  args:
    - query-service
    {{- include "trigpoint.store.args" . | nindent 4 }}
    - --listen={{ .Values.listen }}:9410
    - --admin-listen={{ .Values.listen }}:9411
    - --tls-cert=/etc/trigpoint/tls/tls.crt
    - --tls-key=/etc/trigpoint/tls/tls.key
    - --token-review=trigpoint-query
    - --token-review-namespaces={{ .Release.Namespace }}
    {{- if .Values.query.accountsSecret }}
    - --token-file=/etc/trigpoint/query-accounts/accounts
    {{- end }}
    - --query-memory-total={{ .Values.query.memoryTotal }}
    - --query-memory={{ .Values.query.memory }}
    - --query-spill-dir=/tmp/spill
    - --query-spill={{ .Values.query.spill }}
    - --query-time={{ .Values.query.time }}
    - --queries={{ .Values.query.queries }}
    - --log={{ .Values.query.log }}
    {{- range .Values.query.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- with include "trigpoint.store.env" . | trim }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  {{- include "trigpoint.store.envFrom" . | trim | nindent 2 }}
  ports:
    - name: flight-sql
      containerPort: 9410
    - name: query-admin
      containerPort: 9411
  {{- include "trigpoint.probes" "query-admin" | nindent 2 }}
  resources:
    {{- toYaml .Values.query.resources | nindent 4 }}
  volumeMounts:
    {{- include "trigpoint.store.mounts" . | nindent 4 }}
    {{- if .Values.query.accountsSecret }}
    - name: query-accounts
      mountPath: /etc/trigpoint/query-accounts
      readOnly: true
    {{- end }}
{{- end -}}

{{- define "trigpoint.query.volumes" -}}
{{- if .Values.query.accountsSecret }}
- name: query-accounts
  secret:
    secretName: {{ .Values.query.accountsSecret }}
{{- end }}
{{- end -}}
