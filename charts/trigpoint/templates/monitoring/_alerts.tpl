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
