/** A receiver for a first look: prints one line for each request (event, delivery, attempt, answer) and takes it. `/fail` refuses them all. */
import { createServer } from 'node:http';

createServer((request, response) => {
  request.resume().on('end', () => {
    const status = request.url === '/fail' ? 503 : 204;
    const shown = ['x-webhook-event', 'x-delivery-id', 'x-webhook-attempt'].map((name) =>
      String(request.headers[name]),
    );
    process.stdout.write(`${[new Date().toISOString(), ...shown, status].join(' ')}\n`);
    response.writeHead(status).end();
  });
}).listen(4000);

process.on('SIGTERM', () => process.exit(0));
