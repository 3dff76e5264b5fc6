import { basename } from 'node:path';
import { writeOut } from '../../pkg/host/linux/output/index.ts';
import { version } from './version.ts';

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // Without the rest of the program: it takes longer to load than to answer.
  if (argv.length === 1 && argv[0] === '--version') {
    writeOut(`${version}\n`);
    return;
  }
  if (basename(process.argv0) === 'mos-initrd') {
    const { start } = await import('../../initrd/main.ts');
    process.exitCode = await start();
    return;
  }
  const { start } = await import('../cli/start.ts');
  // Not by waiting for what still keeps the runtime: all work is done, and what it said is written.
  process.exit(await start(process.argv0, argv));
}

main();
