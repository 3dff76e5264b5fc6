import type { LogEntry, OperationPlan, RollbackResult } from '../../pkg/system/index.ts';
import { renderChanges } from './changes.ts';
import { renderPlan } from './installed.ts';

/** Times to the second, in UTC. */
export const renderTime = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 19)}`;

export const renderLog = (entries: readonly LogEntry[]): string => entries.map(renderEntry).join('\n');

function renderEntry(entry: LogEntry): string {
  const marks = [
    ...entry.roles,
    ...(entry.verdict === 'bad' ? ['bad'] : []),
    ...(entry.pinned ? ['pinned'] : []),
  ];
  const facts = [
    ...(entry.release === null ? [] : [`release ${entry.release}`]),
    ...(entry.securityVersion === null ? [] : [`security version ${entry.securityVersion}`]),
    ...(entry.source === null ? [] : [`from ${entry.source}`]),
  ];
  return [
    `generation ${entry.generation}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}  ${renderTime(entry.time)}`,
    `  ${entry.summary}`,
    ...(facts.length === 0 ? [] : [`  ${facts.join(', ')}`]),
    ...entry.notes.map(
      ({ time, kind, reason }) => `  ${renderTime(time)} ${kind}${reason === '' ? '' : `: ${reason}`}`,
    ),
  ].join('\n');
}

export function renderRolledBack(result: RollbackResult | OperationPlan): string {
  if ('operation' in result) return renderPlan(result);
  if (!result.changed)
    return `nothing changed: the machine has the content of generation ${result.to} already`;
  return [
    `generation ${result.generation} has the content of generation ${result.to}`,
    renderChanges(result.changes),
    ...(result.needsReboot ? ['  the next boot makes it real'] : []),
  ].join('\n');
}
