import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openState } from '../../pkg/state/index.ts';
import type { Machine } from '../../pkg/system/machine.ts';
import { machinePaths } from '../../pkg/system/paths.ts';
import { provision } from '../../pkg/system/tpm/index.ts';
import { addKeyset, addPcr7Data, addSudi } from '../../pkg/trust/index.ts';
import { hostWithTpm, type SoftwareTpm, softwareTpm } from './tpm.ts';

// This computer as a machine with a TPM of software and a /config of its own.

export type FloorMachine = {
  readonly host: Host;
  readonly machine: Machine;
  readonly folder: string;
  readonly keys: string;
  readonly keyset: string;
  readonly tpm: SoftwareTpm;
  /** PEM file of the identity key. */
  readonly key: string;
  provision(): Promise<void>;
};

export async function makeFloorMachine(t: ExecutionContext): Promise<FloorMachine> {
  const folder = mkdtempSync(join(tmpdir(), 'mos-floor-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const tpm = await softwareTpm(t);
  const [keys, keyset] = [join(folder, 'keys'), 'acme'];
  await addKeyset(linuxHost, keyset, { folder: keys, keyType: 'ecdsa' });
  const { path } = await addSudi(linuxHost, keyset, 'default', 'SN0001', { folder: keys });
  const zero = join(folder, 'zero');
  writeFileSync(zero, Buffer.alloc(32));
  const pcr7 = { production: zero, limited: zero, tpm: zero };
  await addPcr7Data(linuxHost, keyset, { folder: keys, pcr7 });
  const [certificate, key] = [join(path, 'cert.pem'), join(path, 'privkey.pem')];
  const ca = join(keys, keyset, 'sudi-ca/cert.pem');
  const host = withSecrets(hostWithTpm(tpm), {
    'server.crt': certificate,
    'server.key': key,
    'sudiCA.pem': ca,
    'manifestCA.pem': join(keys, keyset, 'manifest-ca/cert.pem'),
  });
  const state = openState(join(folder, 'config'));
  const machine = { paths: { ...(await machinePaths(host, '/')), config: state.folder }, state };
  const policies = join(keys, keyset, 'pcr7data');
  const time = { now: new Date(), builtAt: new Date(0) };
  return {
    ...{ host, machine, folder, keys, keyset, tpm, key },
    provision: async () => void (await provision(host, { certificate, key, policies, ca, time }, () => {})),
  };
}

/** Its files lie where the initrd puts them. */
function withSecrets(host: Host, secrets: Readonly<Record<string, string>>): Host {
  const secure = '/factory/secure/';
  const at = (name: string): string =>
    name.startsWith(secure) ? (secrets[name.slice(secure.length)] ?? name) : name;
  const { read, stat } = host.files;
  return {
    ...host,
    files: { ...host.files, read: (name) => read(at(name)), stat: (name) => stat(at(name)) },
  };
}
