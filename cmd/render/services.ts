import type { ServiceList, ServiceState } from '../../pkg/system/index.ts';
import { shortDigest } from './changes.ts';
import { renderTable } from './table.ts';

export function renderServices({ services, supervised }: ServiceList): string {
  if (services.length === 0) return 'no service was started';
  const unwatched = 'warning: nobody starts them again when they end: run mosctl supervise, or activate one';
  return supervised ? renderStates(services) : `${renderStates(services)}\n${unwatched}`;
}

const renderStates = (services: readonly ServiceState[]): string =>
  renderTable(
    ['service', 'version', 'image', 'state', 'process', 'since', 'restarts', 'ended before with'],
    services.map((one) => [
      one.name,
      one.version,
      shortDigest(one.image),
      one.state,
      String(one.process ?? ''),
      one.started.slice(0, 19).replace('T', ' '),
      String(one.restarts),
      renderEnd(one.lastEnd),
    ]),
  );

function renderEnd(end: ServiceState['lastEnd']): string {
  if (end === null) return '';
  return 'code' in end ? `exit code ${end.code}` : `signal ${end.signal}`;
}
