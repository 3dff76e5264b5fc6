import { type Host, readTextIfThere } from '../../host/index.ts';
import { bridgeName } from './instance.ts';

/** Kernel settings of this network, sysctl(8): name to value. */
export type Switches = Readonly<Record<string, string>>;

const own: Switches = { [`net.ipv4.conf.${bridgeName}.route_localnet`]: '1' };
const forwarding: Switches = { 'net.ipv4.ip_forward': '1' };
const forwarding6: Switches = { 'net.ipv6.conf.all.forwarding': '1' };

/**
 * The kernel passes packets on between services and the world. Returns what it changed that is not the bridge's own, as it was.
 * A machine that learns its IPv6 router by advertisements would forget it: such interfaces are told to go on listening.
 */
export async function setSwitches(host: Host, withIpv6: boolean): Promise<Switches> {
  const usual = { ...own, ...forwarding, ...(withIpv6 ? forwarding6 : {}) };
  const found = await read(host, Object.keys(usual));
  const isRouter = differing(forwarding6, found).length === 0;
  const more = withIpv6 && !isRouter ? await listening(host) : {};
  const before = { ...found, ...(await read(host, Object.keys(more))) };
  const changed = differing({ ...usual, ...more }, before);
  await write(host, Object.fromEntries(changed));
  const others = changed.filter(([name]) => !(name in own));
  return Object.fromEntries(others.map(([name]) => [name, before[name] ?? '0']));
}

const differing = (wanted: Switches, found: Switches): [string, string][] =>
  Object.entries(wanted).filter(([name, value]) => found[name] !== value);

/** A name that went with its interface is no error. */
export async function write(host: Host, switches: Switches): Promise<void> {
  // accept_ra before forwarding, and the other way when it is put back: sorted so that no advertisement is lost.
  const words = Object.entries(switches).sort(
    ([a], [b]) => Number(isForwarding(a)) - Number(isForwarding(b)),
  );
  if (words.length > 0)
    await host.processes.run([
      'sysctl',
      '-q',
      '-e',
      '-w',
      ...words.map(([name, value]) => `${name}=${value}`),
    ]);
}

const isForwarding = (name: string): boolean => name in forwarding6;

async function listening(host: Host): Promise<Switches> {
  const { stdout } = await host.processes.query(['ip', '-6', '-json', 'route', 'show', 'default']);
  const routes = JSON.parse(Buffer.from(stdout).toString() || '[]') as readonly {
    readonly dev?: string;
    readonly protocol?: string;
  }[];
  const names = routes.flatMap(({ dev, protocol }) => (protocol === 'ra' && dev !== undefined ? [dev] : []));
  return Object.fromEntries(
    names.map((name) => [`net.ipv6.conf.${name.replaceAll('.', '/')}.accept_ra`, '2']),
  );
}

async function read(host: Host, names: readonly string[]): Promise<Switches> {
  const found = names.map(async (name) => [name, await readTextIfThere(host, fileOf(name))] as const);
  return Object.fromEntries(
    (await Promise.all(found)).flatMap(([name, text]) => (text === undefined ? [] : [[name, text.trim()]])),
  );
}

/** sysctl(8): a dot in the name of an interface is a slash in that of its switch. */
const fileOf = (name: string): string =>
  `/proc/sys/${name.replaceAll(/[./]/g, (mark) => (mark === '.' ? '/' : '.'))}`;
