// Calls the service with the client that hey-api made.
import { chatSendMessage, roomsCreateRoom, seatsJoin, type SendMessageRequest } from "./client";
import { client } from "./client/client.gen";

const [baseUrl = "", auth = ""] = process.argv.slice(2);
client.setConfig({ baseUrl, auth });

async function main(): Promise<void> {
  const created = await roomsCreateRoom({ body: { name: "Generated" }, throwOnError: true });
  const path = { room_id: created.data.id };
  const body: SendMessageRequest = { message_text: "Hello" };
  const early = await chatSendMessage({ path, body });
  if (early.error?.code !== "not_in_room") throw new Error(`not refused: ${early.error?.code}`);
  await seatsJoin({ path, throwOnError: true });
  const sent = await chatSendMessage({ path, body, throwOnError: true });
  console.log(sent.data.text, sent.data.seq);
}

void main();
