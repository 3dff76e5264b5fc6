import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { inTpm, layoutVersion } from '../../pkg/system/tpm/layout.ts';
import { hexIndex } from '../../pkg/tpm/index.ts';

// A TPM of software without a machine around it, for what talks to one and for tpm2-tools beside it.

export type SoftwareTpm = {
  /** Where it listens for commands. */
  readonly socket: string;
  /** Its state, and room for files of the test. */
  readonly folder: string;
  /** `tool('pcrread', 'sha256:7')` is tpm2_pcrread with its files in `folder`; returns what it printed. */
  tool(...args: readonly string[]): string;
  /** Power off and on: PCRs and sessions are new, NV stays. */
  restart(): Promise<void>;
};

export async function softwareTpm(t: ExecutionContext): Promise<SoftwareTpm> {
  // A path of a socket has at most 107 bytes.
  const folder = mkdtempSync('/tmp/mos-tpm-');
  const socket = join(folder, 'socket');
  let stop = await start(folder, socket);
  t.teardown(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });
  const env = { PATH: process.env.PATH, TPM2TOOLS_TCTI: `swtpm:path=${socket}` };
  return {
    socket,
    folder,
    tool: (...args) => {
      const said = execFileSync('tpm2', args, { env, cwd: folder, encoding: 'utf8', stdio: 'pipe' });
      // There is no resource manager in between: what a tool loaded stays otherwise.
      execFileSync('tpm2', ['flushcontext', '-t'], { env, stdio: 'pipe' });
      return said;
    },
    restart: async () => {
      await stop();
      stop = await start(folder, socket);
    },
  };
}

async function start(folder: string, socket: string): Promise<() => Promise<void>> {
  const server = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
  const tpm = spawn(
    'swtpm',
    ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, ...server, '--flags', 'not-need-init,startup-clear'],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => tpm.once('close', resolve));
  const isThere = () => listens(socket) && listens(`${socket}.ctrl`);
  for (let tries = 0; tries < 200 && !isThere(); tries++) await wait(25);
  return async () => {
    tpm.kill();
    await ended;
    rmSync(socket, { force: true });
    rmSync(`${socket}.ctrl`, { force: true });
  };
}

/** Its name is there before: /proc/net/unix has the flag of listen(2) (__SO_ACCEPTCON, 1 << 16). */
const listens = (path: string): boolean =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some((line) => / 00010000 \S+ \S+ +\d+ /.test(line) && line.endsWith(` ${path}`));

/** This machine, with a TPM that listens at `socket`. What a stopped process loaded stays until the TPM restarts. */
export const hostWithTpm = ({ socket: path }: SoftwareTpm, host: Host = linuxHost): Host => ({
  ...host,
  devices: {
    ...host.devices,
    openTpm: async () => {
      const socket = connect(path);
      await once(socket, 'connect');
      return {
        async send(command) {
          socket.write(command);
          let answer = Buffer.alloc(0);
          while (answer.length < 6 || answer.length < answer.readUInt32BE(2)) {
            const [chunk] = (await once(socket, 'data')) as [Buffer];
            answer = Buffer.concat([answer, chunk]);
          }
          return answer;
        },
        async [Symbol.asyncDispose]() {
          socket.destroy();
          await once(socket, 'close');
        },
      };
    },
  },
});

/** A TPM that says it was provisioned, and has no secrets. */
export function makeProvisioned({ tool, folder }: SoftwareTpm): void {
  const { index, bytes } = inTpm.layoutVersion;
  const at = hexIndex(index);
  writeFileSync(join(folder, 'layout'), layoutVersion);
  tool('nvdefine', at, '-C', 'o', '-s', String(bytes), '-a', 'ownerwrite|ownerread|authread');
  tool('nvwrite', at, '-C', 'o', '-i', 'layout');
}
