import { type Host, readTextIfThere, writeRuntime } from '../../host/index.ts';
import { unitCommand } from '../unit.ts';
import { bridgeAddress, bridgeName, type Instance } from './instance.ts';

/** Files of the name server, below the folder of the network. */
const hostsFile = (folder: string): string => `${folder}/hosts`;
const processFile = (folder: string): string => `${folder}/dnsmasq.pid`;
export const resolverFile = (folder: string): string => `${folder}/resolv.conf`;

/** Text for hosts(5): each service by its name, at its persistent addresses. */
export const renderHosts = (instances: readonly Instance[]): string =>
  instances
    .filter(({ isActive }) => isActive)
    .sort((a, b) => (a.service < b.service ? -1 : 1))
    .flatMap(({ ipv4, ipv6, service }) => [`${ipv4} ${service}\n`, `${ipv6} ${service}\n`])
    .join('');

/** The name server knows these services, and asks the host's for all else; it is started where it does not run. */
export async function serveNames(host: Host, folder: string, instances: readonly Instance[]): Promise<void> {
  const text = renderHosts(instances);
  const isNew = (await readTextIfThere(host, hostsFile(folder))) !== text;
  if (isNew) await writeRuntime(host, hostsFile(folder), text);
  const process = await runningServer(host, folder);
  if (process !== undefined) {
    if (isNew) await host.processes.run(['kill', '-HUP', process]);
    return;
  }
  await writeRuntime(host, resolverFile(folder), `nameserver ${bridgeAddress.ipv4}\n`);
  const command = [
    'dnsmasq',
    ...['--conf-file=/dev/null', '--no-hosts', '--domain-needed', '--bogus-priv'],
    ...['--bind-dynamic', `--interface=${bridgeName}`, '--except-interface=lo', '--no-dhcp-interface='],
    ...[`--addn-hosts=${hostsFile(folder)}`, `--pid-file=${processFile(folder)}`],
  ] as const;
  const properties = ['Type=forking', `PIDFile=${processFile(folder)}`, 'Description=names of mos services'];
  await host.processes.run((await unitCommand(host, properties, command)) ?? command);
}

export async function stopNames(host: Host, folder: string): Promise<void> {
  const process = await runningServer(host, folder);
  if (process !== undefined) await host.processes.run(['kill', process], { accept: [1] });
}

/** A number that another program has by now is not ours. */
async function runningServer(host: Host, folder: string): Promise<string | undefined> {
  const id = (await readTextIfThere(host, processFile(folder)))?.trim();
  if (id === undefined || !/^[1-9]\d*$/.test(id)) return undefined;
  const words = await readTextIfThere(host, `/proc/${id}/cmdline`).catch(() => undefined);
  return words?.split('\0').includes(`--pid-file=${processFile(folder)}`) ? id : undefined;
}
