import { parentPort } from 'node:worker_threads';

export type Reply = (message: object, given?: readonly ArrayBuffer[]) => void;

/** The other end of `Threads.start`: answers what is sent, one message after the other. */
export function serveThread<Message>(handle: (message: Message, reply: Reply) => void): void {
  const reply: Reply = (message, given = []) => parentPort?.postMessage(message, [...given]);
  parentPort?.on('message', (message: Message) => handle(message, reply));
}
