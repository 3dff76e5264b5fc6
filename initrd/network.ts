import { randomBytes } from 'node:crypto';
import { isMosError, MosError } from '../pkg/errors/index.ts';
import {
  type BroadcastSocket,
  type Host,
  readText,
  readTextIfThere,
  writeRuntime,
} from '../pkg/host/index.ts';
import type { Report } from '../pkg/steps/index.ts';
import type { Undo } from '../pkg/undo/index.ts';
import { type Answer, type Asker, dhcpPorts, type Lease, parseDhcp, renderDhcp } from './dhcp.ts';

const sysNet = '/sys/class/net';
/** linux/if_arp.h, ARPHRD_ETHER */
const ethernet = '1';
/** A switch may take half a minute before it lets anything through. */
const deadline = 90_000;
/** A server looks first whether somebody has the address. */
const answerTime = 4_000;
const interval = 20;
const linkInterval = 200;
/** resolv.conf(5) */
const mostNameServers = 3;

/** The network by the first link where a DHCP server answers, until the undo: what is booted makes its own. */
export async function bringUpNetwork(host: Host, undo: Undo, report: Report): Promise<Lease> {
  const until = host.clock.monotonic() + deadline;
  const [started, attempt] = [new Set<string>(), tellingOnce(report)];
  for (;;) {
    const links = await listLinks(host); // one may be found late
    for (const link of links.filter((one) => !started.has(one))) {
      started.add(link);
      await attempt(async () => {
        await host.network.setLink(link, 'up');
        undo.add(() => host.network.setLink(link, 'down'));
      });
    }
    const connected = await filterConnected(host, links);
    for (const link of connected) {
      const lease = await attempt(() => askForLease(host, link));
      if (lease !== undefined) return useLease(host, link, lease, report);
    }
    if (host.clock.monotonic() > until) throw noNetwork(links, connected);
    await host.clock.sleep(linkInterval);
  }
}

/** What fails on one link is told once, and the others are tried all the same. */
function tellingOnce(report: Report) {
  const told = new Set<string>();
  return async <T>(run: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await run();
    } catch (error) {
      if (!isMosError(error)) throw error;
      if (!told.has(error.message)) report({ kind: 'note', text: error.message });
      told.add(error.message);
      return undefined;
    }
  };
}

async function listLinks(host: Host): Promise<string[]> {
  const found: string[] = [];
  for (const link of (await host.files.list(sysNet)).sort()) {
    const type = await readTextIfThere(host, `${sysNet}/${link}/type`);
    if (type?.trim() === ethernet) found.push(link);
  }
  return found;
}

async function filterConnected(host: Host, links: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const link of links) if (await hasCarrier(host, link)) found.push(link);
  return found;
}

async function hasCarrier(host: Host, link: string): Promise<boolean> {
  try {
    return (await readText(host, `${sysNet}/${link}/carrier`)).trim() === '1';
  } catch (error) {
    if (isMosError(error)) return false; // EINVAL: it is down, as one stays that can't be opened
    throw error;
  }
}

function noNetwork(links: readonly string[], connected: readonly string[]): MosError {
  if (links.length === 0)
    return new MosError('not-found', 'cannot bring up the network: this machine has no network card', {
      hint: 'or the kernel of this medium has no driver for it: docs/live-media.md tells which it has',
    });
  if (connected.length === 0)
    return new MosError('not-found', `cannot bring up the network: ${links.join(', ')} has no connection`, {
      hint: 'connect a cable; the machine tries again after a reboot',
    });
  return new MosError(
    'timeout',
    `cannot bring up the network: no DHCP server answers on ${connected.join(', ')}`,
    {
      hint: 'it needs a network with DHCP for IPv4; the machine tries again after a reboot',
    },
  );
}

/** undefined where nobody answers in time. */
async function askForLease(host: Host, link: string): Promise<Lease | undefined> {
  const hardware = Buffer.from(
    (await readText(host, `${sysNet}/${link}/address`)).trim().replaceAll(':', ''),
    'hex',
  );
  const asker = { hardware, transaction: randomBytes(4) };
  await using socket = await host.network.openBroadcast(link, dhcpPorts);
  const offer = await ask(host, socket, asker, undefined, ['offer']);
  if (offer?.kind !== 'offer') return undefined;
  const answer = await ask(host, socket, asker, offer.lease, ['acknowledged', 'refused']);
  return answer?.kind === 'acknowledged' ? answer.lease : undefined;
}

async function ask(
  host: Host,
  socket: BroadcastSocket,
  asker: Asker,
  offered: Lease | undefined,
  wanted: readonly Answer['kind'][],
): Promise<Answer | undefined> {
  await socket.broadcast(renderDhcp(asker, offered));
  const until = host.clock.monotonic() + answerTime;
  while (host.clock.monotonic() < until) {
    const message = await socket.receive();
    const answer = message && parseDhcp(message, asker);
    if (answer !== undefined && wanted.includes(answer.kind)) return answer;
    if (message === undefined) await host.clock.sleep(interval);
  }
  return undefined;
}

async function useLease(host: Host, link: string, lease: Lease, report: Report): Promise<Lease> {
  const { address, prefix, router, nameServers, server } = lease;
  await host.network.setAddress(link, address, prefix);
  if (router !== undefined) await host.network.addDefaultRoute(router);
  const lines = nameServers.slice(0, mostNameServers).map((one) => `nameserver ${one}\n`);
  await host.files.makeFolder('/etc', { parents: true });
  await writeRuntime(host, '/etc/resolv.conf', lines.join(''));
  report({ kind: 'note', text: `${link} has ${address}/${prefix} of ${server}` });
  return lease;
}
