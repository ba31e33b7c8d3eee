{{- define "trigpoint.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What every container here has. */ -}}
{{- define "trigpoint.container" -}}
image: {{ include "trigpoint.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
# The last line that a program said, which names the remedy, is then in its status.
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- /* What every pod here has. */ -}}
{{- define "trigpoint.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Where a component's pods run. */ -}}
{{- define "trigpoint.placement" -}}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
{{- if .values.affinity }}
  {{- toYaml .values.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "trigpoint.selector" . | nindent 14 }}
{{- end }}
{{- end -}}

{{- define "trigpoint.probes" -}}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ . }}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ . }}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{- /* A token of the pod's account that is good for one purpose only. */ -}}
{{- define "trigpoint.queryToken" -}}
- name: query-token
  projected:
    sources:
      - serviceAccountToken:
          path: query
          audience: trigpoint-query
          expirationSeconds: 3600
{{- end -}}

{{- /* Of the authority that signed the certificates, without their key. With
`.isOptional`, a pod starts before there is one. */ -}}
{{- define "trigpoint.authorityVolume" -}}
- name: authority
  secret:
    secretName: {{ include "trigpoint.serverSecret" .root }}
    {{- if .isOptional }}
    optional: true
    {{- end }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end -}}
