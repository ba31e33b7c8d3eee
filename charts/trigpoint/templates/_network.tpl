{{- /* Rules that several policies share. Each is one entry of ingress or egress. */ -}}

{{- /* Names are asked wherever the cluster keeps its DNS, node-local caches included. */ -}}
{{- define "trigpoint.network.dns" -}}
- ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{- /* No selector finds the API server. */ -}}
{{- define "trigpoint.network.apiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{- /* Whoever reads metrics, at the ports `.ports`. */ -}}
{{- define "trigpoint.network.monitoring" -}}
- from:
    - namespaceSelector:
        {{- if .root.Values.networkPolicy.monitoringNamespace }}
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Values.networkPolicy.monitoringNamespace }}
        {{- else }} {}
        {{- end }}
  ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{- /* Pods of a component, wherever they are seen from. */ -}}
{{- define "trigpoint.network.component" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .root.Release.Namespace }}
  podSelector:
    matchLabels:
      {{- include "trigpoint.selector" . | nindent 6 }}
{{- end -}}

{{- /* Stations and their probes, in every station namespace. */ -}}
{{- define "trigpoint.network.stations" -}}
- namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values: [{{ include "trigpoint.stationNamespaces" . | replace "," ", " }}]
  podSelector:
    {{- include "trigpoint.network.stationPods" . | nindent 4 }}
{{- end -}}

{{- /* Whether stations may be on the network of their node, where no selector finds them. */ -}}
{{- define "trigpoint.network.stationsOnNodes" -}}
{{- range .Values.stationNamespaces }}
{{- if eq (.podSecurity | default "restricted") "privileged" }}true{{ end }}
{{- end }}
{{- end -}}

{{- /* As the operator labels them. */ -}}
{{- define "trigpoint.network.stationPods" -}}
matchLabels:
  app.kubernetes.io/managed-by: trigpoint-operator
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: [station, probe]
{{- end -}}

{{- /* The store of the tables may be anywhere, also in the cluster, whose pods not every
network counts among the addresses of a block. */ -}}
{{- define "trigpoint.network.store" -}}
- {}
{{- end -}}
