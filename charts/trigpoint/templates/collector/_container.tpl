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
    - --token-file=/etc/trigpoint/collector-accounts/accounts
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
    - name: collector-accounts
      mountPath: /etc/trigpoint/collector-accounts
      readOnly: true
    {{- with .Values.collector.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "trigpoint.collector.volumes" -}}
- name: collector-accounts
  secret:
    secretName: {{ .Values.collector.accountsSecret }}
{{- with .Values.collector.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
