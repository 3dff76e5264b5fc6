// Runs in the guest: main.ts PAIRS. Prints `@@runs NAME {side: [run…]}` for each image.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { inTurn, programSide, type Side } from '../pairs.ts';
import { renderBareFolders, renderBareMount, renderBareUnmount } from './bare.ts';
import { type MountRequest, mountsProgram, requestsFile } from './request.ts';

const pairs = Number(process.argv[2]);
const mosctl = '/repo/build/mosctl';

/** The whole command, which verifies the manifest each time. */
const command = ({ root }: MountRequest): Side =>
  programSide(() => ({ argv: [mosctl, 'create-boot-fs', '-r', root, '--dest', '/tmp/sysroot'] }), {
    clean: async () => execFileSync(mosctl, ['umount', '-r', root, '--all']),
  });

function bare(request: MountRequest): Side {
  const script = `/tmp/bare-${request.name}.sh`;
  writeFileSync(script, renderBareMount(request));
  execFileSync('sh', ['-ec', renderBareFolders(request)]);
  return programSide(() => ({ argv: ['sh', '-e', script] }), {
    clean: async () => execFileSync('sh', ['-ec', renderBareUnmount(request)]),
  });
}

/** A process that runs already and is told to mount. */
function inside({ name }: MountRequest): Side & { end(): void } {
  mkdirSync('/tmp/at', { recursive: true });
  const child = spawn(mountsProgram, [name], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const tell = async (word: string): Promise<number> => {
    child.stdin.write(`${word}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`${mountsProgram} ended`);
    return Number(value);
  };
  return {
    run: async () => ({ milliseconds: await tell('mount'), mebibytes: 0 }),
    clean: () => tell('unmount'),
    end: () => child.stdin.end(),
  };
}

const requests: MountRequest[] = JSON.parse(readFileSync(requestsFile, 'utf8'));
for (const request of requests) {
  const running = inside(request);
  const runs = await inTurn(pairs, { command: command(request), bare: bare(request), inside: running });
  running.end();
  console.log(`@@runs ${request.name} ${JSON.stringify(runs)}`);
}
