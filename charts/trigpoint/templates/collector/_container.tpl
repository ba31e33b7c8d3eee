{{- define "trigpoint.collector.container" -}}
- name: collector
  {{- include "trigpoint.container" . | nindent 2 }}
  args:
    - collector
    {{- include "trigpoint.store.args" . | nindent 4 }}
    - --listen={{ .Values.listen }}:9400
    - --admin-listen={{ .Values.listen }}:9401
    - --tls-cert=/etc/trigpoint/tls/tls.crt
    - --tls-key=/etc/trigpoint/tls/tls.key
    {{- if .Values.operator.enabled }}
    # Any pod of a cluster may have a token for any audience, so namespaces count too.
    - --token-review=trigpoint-collector
    - --token-review-namespaces={{ include "trigpoint.stationNamespaces" . }}
    {{- end }}
    {{- if .Values.collector.accountsSecret }}
    - --token-file=/etc/trigpoint/collector-accounts/accounts
    {{- end }}
    {{- with .Values.collector.commitAfter }}
    - --commit-after={{ . }}
    {{- end }}
    - --maintenance-interval={{ .Values.collector.maintenanceInterval }}
    {{- if not (kindIs "invalid" .Values.collector.keepDays) }}
    - --keep-days={{ .Values.collector.keepDays }}
    {{- end }}
    {{- if not (kindIs "invalid" .Values.collector.addressesDays) }}
    - --addresses-days={{ .Values.collector.addressesDays }}
    {{- end }}
    - --log={{ .Values.collector.log }}
    {{- range .Values.collector.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- with include "trigpoint.store.env" . | trim }}
  env:
    {{- . | nindent 4 }}
  {{- end }}
  {{- include "trigpoint.store.envFrom" . | trim | nindent 2 }}
  ports:
    - name: ingest
      containerPort: 9400
    - name: collector-admin
      containerPort: 9401
  {{- include "trigpoint.probes" "collector-admin" | nindent 2 }}
  resources:
    {{- toYaml .Values.collector.resources | nindent 4 }}
  volumeMounts:
    {{- include "trigpoint.store.mounts" . | nindent 4 }}
    {{- if .Values.collector.accountsSecret }}
    - name: collector-accounts
      mountPath: /etc/trigpoint/collector-accounts
      readOnly: true
    {{- end }}
    {{- with .Values.collector.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "trigpoint.collector.volumes" -}}
{{- if .Values.collector.accountsSecret }}
- name: collector-accounts
  secret:
    secretName: {{ .Values.collector.accountsSecret }}
{{- end }}
{{- with .Values.collector.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
