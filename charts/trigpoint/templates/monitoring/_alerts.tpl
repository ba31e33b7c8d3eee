{{- /*
Each alert has an entry of its name in docs/operations.md. Severity: critical loses
rows or tests now, warning will, info is for working hours.
*/ -}}

{{- define "trigpoint.alerts.tables" -}}
{{- $own := printf "namespace=\"%s\"" .Release.Namespace -}}
{{- $metrics := printf "job=\"%s-metrics\",namespace=\"%s\"" (include "trigpoint.fullname" .) .Release.Namespace -}}
- alert: TrigpointCollectorDown
  expr: absent(up{ {{- $metrics }},endpoint="collector-admin"} == 1)
  for: 5m
  severity: critical
  summary: no collector answers; stations spool, and the oldest rows are lost when a spool is full
- alert: TrigpointCommitsFail
  expr: sum by (table) (increase(trigpoint_collector_commit_failures_total{ {{- $own }}}[10m])) > 0
  for: 10m
  severity: critical
  summary: rows of {{ "{{ $labels.table }}" }} have not been committed for ten minutes
- alert: TrigpointRowsLate
  expr: histogram_quantile(0.9, sum by (le) (rate(trigpoint_collector_freshness_seconds_bucket{ {{- $own }}}[15m]))) > 60
  for: 15m
  severity: warning
  summary: tests come into the tables more than a minute after their end
- alert: TrigpointBatchesRejected
  expr: sum by (code) (increase(trigpoint_collector_rejected_batches_total{ {{- $own }}}[1h])) > 0
  for: 0m
  severity: warning
  summary: "{{ "{{ $value }}" }} batches were put under quarantine ({{ "{{ $labels.code }}" }})"
- alert: TrigpointRowsMissing
  expr: sum(increase(trigpoint_collector_lost_batches_total{ {{- $own }}}[1h])) > 0
  for: 0m
  severity: warning
  summary: "{{ "{{ $value }}" }} batches of stations were lost on their way"
- alert: TrigpointMaintenanceFails
  expr: sum by (act) (increase(trigpoint_collector_maintenance_failures_total{ {{- $own }}}[2h])) > 3
  for: 0m
  severity: warning
  summary: the tables' {{ "{{ $labels.act }}" }} fails again and again; queries and commits get slower
{{- if eq .Values.lake.mode "pvc" }}
- alert: TrigpointTablesFull
  expr: kubelet_volume_stats_available_bytes{ {{- $own }},persistentvolumeclaim="{{ .Values.lake.pvc.existingClaim | default (printf "%s-tables" (include "trigpoint.fullname" .)) }}"} / kubelet_volume_stats_capacity_bytes < 0.1
  for: 10m
  severity: warning
  summary: less than a tenth of the tables' volume is free
{{- end }}
{{- if .Values.query.enabled }}
- alert: TrigpointQueriesFail
  expr: sum(rate(trigpoint_query_queries_total{ {{- $own }},outcome="failed"}[15m])) / sum(rate(trigpoint_query_queries_total{ {{- $own }}}[15m])) > 0.2
  for: 15m
  severity: warning
  summary: every fifth query fails for a reason that is not its own
{{- end }}
{{- end -}}

{{- define "trigpoint.alerts.stations" -}}
{{- $stations := printf "namespace=~\"%s\"" (include "trigpoint.stationNamespaces" . | replace "," "|") -}}
- alert: TrigpointSpoolOld
  expr: max by (namespace, pod, node) (trigpoint_spool_age_seconds{ {{- $stations }}}) > 300
  for: 5m
  severity: warning
  summary: "rows of {{ "{{ $labels.pod }}" }} on {{ "{{ $labels.node }}" }} wait for their acknowledgement"
- alert: TrigpointSpoolDrops
  expr: sum by (namespace, pod, node) (increase(trigpoint_spool_dropped_batches_total{ {{- $stations }}}[15m])) > 0
  for: 0m
  severity: critical
  summary: "the spool of {{ "{{ $labels.pod }}" }} on {{ "{{ $labels.node }}" }} is full, and its oldest rows are lost"
- alert: TrigpointRecordingDrops
  expr: sum by (namespace, pod, node) (increase(trigpoint_recording_dropped_total{ {{- $stations }}}[15m])) + sum by (namespace, pod, node) (increase(trigpoint_spool_errors_total{ {{- $stations }}}[15m])) > 0
  for: 0m
  severity: warning
  summary: "the disk of {{ "{{ $labels.node }}" }} is too slow for its station, or fails"
- alert: TrigpointTestsBreak
  expr: sum by (namespace, node) (rate(trigpoint_tests_total{ {{- $stations }},end_reason=~"timed_out|station_stopped|internal_error"}[30m])) / sum by (namespace, node) (rate(trigpoint_tests_total{ {{- $stations }}}[30m])) > 0.05
  for: 30m
  severity: warning
  summary: "more than 5 % of the tests on {{ "{{ $labels.node }}" }} end by the station's fault"
- alert: TrigpointTestsRefused
  expr: sum by (namespace, node) (rate(trigpoint_refused_tests_total{ {{- $stations }},reason="busy"}[15m])) > 0.02
  for: 15m
  severity: info
  summary: "{{ "{{ $labels.node }}" }} has more clients than it takes"
- alert: TrigpointTracesMissing
  expr: trigpoint_event_socket_connected{ {{- $stations }}} == 0
  for: 10m
  severity: info
  summary: "no path is traced on {{ "{{ $labels.node }}" }}: the tracer does not hear of the server's clients"
{{- end -}}

{{- define "trigpoint.alerts.rollouts" -}}
{{- $metrics := printf "job=\"%s-metrics\",namespace=\"%s\"" (include "trigpoint.fullname" .) .Release.Namespace -}}
- alert: TrigpointNoLeader
  expr: absent(trigpoint_operator_leader{ {{- $metrics }}} == 1)
  for: 5m
  severity: warning
  summary: no operator leads; stations go on as they are, and no node is mended
- alert: TrigpointWatchStale
  expr: max by (pod, kind) (trigpoint_operator_stream_age_seconds{ {{- $metrics }}}) > 600
  for: 1m
  severity: warning
  summary: "the operator has not heard of any {{ "{{ $labels.kind }}" }} for ten minutes"
- alert: TrigpointRolloutPaused
  expr: max(trigpoint_operator_paused_fleets{ {{- $metrics }}}) > 0
  for: 1h
  severity: warning
  summary: "{{ "{{ $value }}" }} fleets wait for a person"
- alert: TrigpointHandoffStuck
  expr: max(trigpoint_operator_nodes{ {{- $metrics }},state="unavailable"}) > 0
  for: 1h
  severity: warning
  summary: "a node that a rollout took a station from has had none for an hour"
- alert: TrigpointStationsMissing
  expr: max(trigpoint_operator_nodes{ {{- $metrics }},state="ready"}) < max(trigpoint_operator_nodes{ {{- $metrics }},state="qualified"})
  for: 30m
  severity: warning
  summary: there are fewer stations than nodes that qualify
{{- end -}}
