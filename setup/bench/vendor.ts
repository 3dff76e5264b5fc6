import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Program } from './program.ts';

// Who signs and publishes what is measured, with the released commands.

const data = resolve('build/bench/keys');
const env = { XDG_DATA_HOME: data };
export const keyset = join(data, 'machine/trust/keys/bench');
const ca = join(keyset, 'manifest-ca/cert.pem');

/** Runs mosb and returns what it printed. */
export const mosb = (...args: readonly string[]): string =>
  execFileSync(resolve('build/mosb'), args, { env: { ...process.env, ...env }, encoding: 'utf8' });

export const trust = (...args: readonly string[]): string =>
  execFileSync(resolve('build/trust'), args, { env: { ...process.env, ...env }, encoding: 'utf8' });

export function makeKeys(): void {
  if (!existsSync(ca)) trust('keyset', 'add', '--key-type', 'ecdsa', 'bench');
}

export type Release = {
  /** Where the import file goes. */
  readonly folder: string;
  /** host:port of a registry */
  readonly repository: string;
  readonly name: string;
  readonly release: number;
  /** The image of hostfs. */
  readonly source: string;
};

/** The command that publishes an import file with one target. */
export function publishProgram({ folder, repository, name, release, source }: Release): Program {
  makeKeys();
  const file = join(folder, `${name.replaceAll(/[/:]/g, '-')}.yaml`);
  writeFileSync(
    file,
    `version: 1
product: default
update_type: complete
release: ${release}
targets:
  - service_name: hostfs
    source: ${source}
    version: 1.0.0
    service_type: hostfs
    nsgroup: none
    network: {type: host}
`,
  );
  const to = ['--plain-http', '--repo', repository, '--name', name];
  const argv = [resolve('build/mosb'), 'manifest', 'publish', '--project', 'bench:default', ...to, file];
  return { argv, env };
}

export type Published = {
  /** For install and update. */
  readonly manifest: string;
  /** For others: the image of its target. */
  readonly image: string;
};

/** Not in one go: what the registry says must be read meanwhile. */
export async function publish(release: Release): Promise<Published> {
  const { argv, env } = publishProgram(release);
  const [program = '', ...args] = [...argv, '--json'];
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, ...env } });
  const { targets } = JSON.parse(stdout);
  const { repository, name } = release;
  return { manifest: `${repository}/${name}`, image: `${repository}/mos@${targets[0].digest}` };
}

/** An empty root directory that trusts our CA. */
export function newRoot(folder: string): string {
  makeKeys();
  mkdirSync(join(folder, 'factory/secure'), { recursive: true });
  cpSync(ca, join(folder, 'factory/secure/manifestCA.pem'));
  return folder;
}

export const machineProgram = (command: 'install' | 'update', root: string, reference: string): Program => ({
  argv: [resolve('build/mosctl'), command, '-r', root, '--plain-http', reference],
});
