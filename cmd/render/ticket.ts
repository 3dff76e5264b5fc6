import type { OperationPlan, TicketResult } from '../../pkg/system/index.ts';
import { renderPlan } from './installed.ts';

export function renderTicketAccepted(result: TicketResult | OperationPlan): string {
  if ('operation' in result) return renderPlan(result);
  const { from, to, changed, floorKept, generations } = result;
  const keeper = floorKept === 'TPM' ? ' (counted by the TPM)' : '';
  return [
    changed
      ? `the floor of this machine is ${to} now${keeper}, it was ${from}`
      : `nothing changed: the floor of this machine is ${to} by this ticket already${keeper}`,
    generations.length === 0
      ? '  no kept generation is of such a version: update to a release that is'
      : `  these may run again: ${generations.map((number) => `generation ${number}`).join(', ')} (mosctl rollback --to ${generations[0]})`,
    `  it rises again when a newer generation proves good`,
  ].join('\n');
}
