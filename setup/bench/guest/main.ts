// Runs in the guest: main.ts PAIRS. Prints `@@runs NAME {side: [run…]}` for each image.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { inTurn, programSide, type Side } from '../pairs.ts';
import { renderBareFolders, renderBareMount, renderBareUnmount } from './bare.ts';
import { type MountRequest, mountsProgram, requestsFile } from './request.ts';
import { startTold } from './told.ts';

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
  const { tell, end } = startTold(mountsProgram, name);
  return {
    run: async () => ({ milliseconds: await tell('mount'), mebibytes: 0 }),
    clean: () => tell('unmount'),
    end,
  };
}

const requests: MountRequest[] = JSON.parse(readFileSync(requestsFile, 'utf8'));
for (const request of requests) {
  const running = inside(request);
  const runs = await inTurn(pairs, { command: command(request), bare: bare(request), inside: running });
  running.end();
  console.log(`@@runs ${request.name} ${JSON.stringify(runs)}`);
}
