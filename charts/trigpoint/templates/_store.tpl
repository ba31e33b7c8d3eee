{{- /* Where the tables are, and how their store is reached: for collector and query service alike. */ -}}

{{- define "trigpoint.store.args" -}}
- --data-dir=/var/lib/trigpoint
{{- if eq .Values.lake.mode "objectStore" }}
- --lake={{ .Values.lake.objectStore.url }}
{{- end }}
{{- end -}}

{{- define "trigpoint.store.env" -}}
{{- if eq .Values.lake.mode "objectStore" }}
{{- range $name, $value := .Values.lake.objectStore.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- if .Values.lake.objectStore.googleCredentialsSecret }}
- name: GOOGLE_APPLICATION_CREDENTIALS
  value: /etc/trigpoint/google/credentials.json
{{- end }}
{{- if .Values.lake.objectStore.authorityConfigMap }}
- name: SSL_CERT_FILE
  value: /etc/trigpoint/store/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- define "trigpoint.store.envFrom" -}}
{{- if and (eq .Values.lake.mode "objectStore") .Values.lake.objectStore.credentialsSecret }}
envFrom:
  - secretRef:
      name: {{ .Values.lake.objectStore.credentialsSecret }}
{{- end }}
{{- end -}}

{{- define "trigpoint.store.mounts" -}}
- name: tables
  mountPath: /var/lib/trigpoint
- name: scratch
  mountPath: /tmp
- name: certificate
  mountPath: /etc/trigpoint/tls
  readOnly: true
{{- if and (eq .Values.lake.mode "objectStore") .Values.lake.objectStore.googleCredentialsSecret }}
- name: google
  mountPath: /etc/trigpoint/google
  readOnly: true
{{- end }}
{{- if and (eq .Values.lake.mode "objectStore") .Values.lake.objectStore.authorityConfigMap }}
- name: store
  mountPath: /etc/trigpoint/store
  readOnly: true
{{- end }}
{{- end -}}

{{- define "trigpoint.store.volumes" -}}
- name: tables
{{- if eq .Values.lake.mode "pvc" }}
  persistentVolumeClaim:
    claimName: {{ .Values.lake.pvc.existingClaim | default (printf "%s-tables" (include "trigpoint.fullname" .)) }}
{{- else }}
  # What is not a table: the tables are in the bucket.
  emptyDir: {}
{{- end }}
# Spilled queries, too.
- name: scratch
  emptyDir: {}
- name: certificate
  secret:
    secretName: {{ include "trigpoint.serverSecret" . }}
    items:
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
{{- if and (eq .Values.lake.mode "objectStore") .Values.lake.objectStore.googleCredentialsSecret }}
- name: google
  secret:
    secretName: {{ .Values.lake.objectStore.googleCredentialsSecret }}
{{- end }}
{{- if and (eq .Values.lake.mode "objectStore") .Values.lake.objectStore.authorityConfigMap }}
- name: store
  configMap:
    name: {{ .Values.lake.objectStore.authorityConfigMap }}
{{- end }}
{{- end -}}
